/**
 * A function's options with a name for its trigger's binding. Without one the library makes it from a hash of the options
 * while an instance starts, which shows in a cold start (docs/performance.md, "What was tried"). Every binding may have a
 * name, the library's types lack it:
 * https://github.com/Azure/azure-functions-nodejs-library/blob/v4.x/src/addBindingName.ts
 */
export function withBindingName<Options extends object>(name: string, options: Options): Options {
  return { name, ...options }
}
