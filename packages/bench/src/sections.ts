import { appLoad } from './appLoad.ts'
import { queueDrain } from './drain.ts'
import { footprint } from './footprint.ts'
import { growth } from './growth.ts'
import { firstOrder } from './firstOrder.ts'
import { scaling } from './scaling.ts'
import type { Section } from './section.ts'
import { warmHttp } from './warmHttp.ts'

/** Every section, in the order in which they run. */
export const SECTIONS: readonly Section[] = [
  appLoad,
  firstOrder,
  warmHttp,
  queueDrain,
  footprint,
  growth,
  scaling,
]
