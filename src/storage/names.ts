/** The app setting, or the prefix of the settings, that the Functions host and the app reach storage by. */
export const STORAGE_CONNECTION = 'AzureWebJobsStorage'

/** Table of the order records. */
export const ORDERS_TABLE = 'orders'

/** Queue of the orders to process. */
export const ORDERS_QUEUE = 'orders'

/** Queue of the messages that could not be processed: `<queue>-poison` is where the Functions host looks, too. */
export const POISON_QUEUE = 'orders-poison'

/** Container of the files of orders. */
export const IMPORTS_CONTAINER = 'imports'

/** Container of what is written about them. */
export const IMPORT_REPORTS_CONTAINER = 'import-reports'
