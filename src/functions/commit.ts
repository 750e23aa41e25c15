declare const ORDERS_COMMIT: string | undefined

/**
 * The commit that the package was built from, written into the bundle by scripts/build.ts when the environment's
 * `ORDERS_COMMIT` names one; a deployment asks `hello` for it.
 */
export const COMMIT = typeof ORDERS_COMMIT === 'undefined' ? undefined : ORDERS_COMMIT
