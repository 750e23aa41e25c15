import { createService } from '../../src/orders/service.ts'
import { azureStorage } from '../../src/storage/azure.ts'

// Run in a process of its own, whose environment alone says how storage is reached and whom it trusts: places one order
// and accepts another, and prints what a look-up then answers for both.
const storage = await azureStorage(process.env)
const service = createService({ ...storage, now: () => new Date(), newId: () => 'unused' })
await service.place({ id: 'placed', item: 'widget', quantity: 1 })
await service.accept({ id: 'accepted', item: 'widget', quantity: 2 })
console.log(JSON.stringify([await service.get('placed'), await service.get('accepted')]))
