/**
 * The values of a setting, in the order of the environment. The host compares names case-insensitively, and takes `__`
 * for `:`, so one setting has many spellings. An empty value counts as unset.
 * https://learn.microsoft.com/azure/azure-functions/functions-app-settings#app-setting-considerations
 */
export function settingValues(environment: NodeJS.ProcessEnv, name: string): readonly string[] {
  const wanted = settingKey(name)
  return Object.entries(environment).flatMap(([spelling, value]) =>
    value !== undefined && value !== '' && settingKey(spelling) === wanted ? [value] : [],
  )
}

/** What all spellings of a setting's name have in common. */
export function settingKey(name: string): string {
  return name.replaceAll('__', ':').toLowerCase()
}
