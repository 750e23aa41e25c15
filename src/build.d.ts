/**
 * Whether the package can have its records in Cosmos DB, written into a release by scripts/build.ts; undefined everywhere else,
 * where it can. It must stand where it is asked for: only then the bundle has nothing of what it leaves out.
 */
declare const ORDERS_WITH_COSMOS: boolean | undefined
