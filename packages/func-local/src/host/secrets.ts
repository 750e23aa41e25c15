import type { Settings } from '../config/settings.ts'

// The parts of connection strings and URLs that give access.
const IN_CONNECTION_STRINGS =
  /(?:AccountKey|SharedAccessKey|SharedAccessSignature|Password|Pwd|sig)=([^;&\s]{8,})/gi
const SHORTEST = 8

/** The secrets among the settings, so that no log line shows them. */
export function secretsOf(settings: Settings): string[] {
  const secrets = new Set<string>()
  for (const value of Object.values(settings.environment)) {
    for (const [, secret] of value.matchAll(IN_CONNECTION_STRINGS))
      if (secret !== undefined) secrets.add(secret)
  }
  const key = settings.get('FUNC_LOCAL_KEY') ?? ''
  if (key.length >= SHORTEST) secrets.add(key)
  return [...secrets]
}
