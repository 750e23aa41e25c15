/** The app setting, or the prefix of the settings, that the Functions host and the app reach storage by. */
export const STORAGE_CONNECTION = 'AzureWebJobsStorage'

/** The app setting that says over how many queues orders are spread by their ids. */
export const QUEUES_SETTING = 'ORDER_QUEUES'

/** The app setting that says where order records are. */
export const STORE_SETTING = 'ORDER_STORE'

/** The app setting, or the prefix of the settings, that the Functions host and the app reach Cosmos DB by. */
export const COSMOS_CONNECTION = 'CosmosDb'

/** Database of the containers in Cosmos DB. */
export const COSMOS_DATABASE = 'orders'

/** Container of the order records. */
export const ORDERS_CONTAINER = 'orders'

/** Container in which the host keeps how far the changes of the records have been delivered. */
export const LEASES_CONTAINER = 'leases'

/** Queue of the events about orders, for other systems. */
export const EVENTS_QUEUE = 'order-events'

/** Table of the order records. */
export const ORDERS_TABLE = 'orders'

/** Queue of the orders to process. It is consumed whatever the settings are, so other systems can always send to it. */
export const ORDERS_QUEUE = 'orders'

/** Queue of the messages that could not be processed: `<queue>-poison` is where the Functions host looks, too. */
export const POISON_QUEUE = 'orders-poison'

/** How many numbered queues there can be: `orders-0` to `orders-31`. */
export const MOST_QUEUES = 32

/**
 * The numbered queues that orders are spread over.
 *
 * @param count the value of `ORDER_QUEUES`; with 1 there are none, and `orders` takes every order
 */
export function numberedQueues(count: number): readonly string[] {
  return count === 1 ? [] : Array.from({ length: count }, (_, number) => `${ORDERS_QUEUE}-${number}`)
}

/** The poison queue of a queue: https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue-trigger#poison-messages */
export function poisonQueueOf(queue: string): string {
  return `${queue}-poison`
}

/** Container of the files of orders. */
export const IMPORTS_CONTAINER = 'imports'

/** Container of what is written about them. */
export const IMPORT_REPORTS_CONTAINER = 'import-reports'
