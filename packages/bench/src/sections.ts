import { queueDrain } from './drain.ts'
import { footprint } from './footprint.ts'
import { growth } from './growth.ts'
import { firstHello } from './firstHello.ts'
import { firstOrder } from './firstOrder.ts'
import { scaling } from './scaling.ts'
import type { Section } from './section.ts'
import { warmHttp } from './warmHttp.ts'

/** Every section, in the order in which they run. */
export const SECTIONS: readonly Section[] = [
  firstHello,
  firstOrder,
  warmHttp,
  queueDrain,
  footprint,
  growth,
  scaling,
]
