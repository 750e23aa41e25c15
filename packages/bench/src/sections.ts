import { queueDrain } from './drain.ts'
import { footprint } from './footprint.ts'
import { growth } from './growth.ts'
import { firstHello } from './firstHello.ts'
import { firstOrder } from './firstOrder.ts'
import { importConcurrencies } from './importConcurrency.ts'
import { imports } from './imports.ts'
import { scaling } from './scaling.ts'
import type { SectionsByStore } from './options.ts'
import { STORE_SECTIONS } from './stores.ts'
import { warmHttp } from './warmHttp.ts'

/** Every section, in the order in which they run. */
export const SECTIONS: SectionsByStore = {
  tables: [
    firstHello,
    firstOrder,
    warmHttp,
    queueDrain,
    footprint,
    growth,
    imports,
    importConcurrencies,
    scaling,
  ],
  cosmos: STORE_SECTIONS,
}
