/** Where `func-local invoke` reaches a running host. */
export const INVOKE_PATH = '/admin/func-local/invoke'
