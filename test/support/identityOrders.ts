import { createService } from '../../src/orders/service.ts'
import { azureStorage } from '../../src/storage/azure.ts'

// Runs as a process that is configured by its environment only: places one order, accepts another, and prints the record of
// each.
const storage = await azureStorage(process.env)
const service = createService({ ...storage, now: () => new Date(), newId: () => 'unused' })
await service.place({ id: 'placed', item: 'widget', quantity: 1 })
await service.accept({ id: 'accepted', item: 'widget', quantity: 2 })
console.log(JSON.stringify([await service.get('placed'), await service.get('accepted')]))
