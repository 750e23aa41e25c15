import { extensions } from '../../src/extensions.ts'
import type { Registry } from '../../src/registry.ts'

/** Everything this host has. */
export const registry: Registry = await extensions.load([...extensions.types, 'a type that is not listed'])
