import type { LoadedFunction } from '../host/generation.ts'

/** A small page that says that the app runs, and what it has. */
export function homePage(functions: readonly LoadedFunction[]): string {
  const items = functions.map(({ definition, disabled, listener }) => {
    const { endpoint } = listener
    const what =
      endpoint === undefined
        ? `${escape(definition.trigger.type)}${listener.onCall === undefined ? '' : ' (on call only)'}`
        : `${escape(endpoint.methods?.join(', ') ?? '')} <code>/${escape(endpoint.route)}</code>`
    return `<li><b>${escape(definition.name)}</b>: ${what}${disabled ? ' (disabled)' : ''}</li>`
  })
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Function app</title>
<style>body{font:16px/1.6 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem}</style>
<h1>Your Functions 4.0 app is up and running</h1>
<ul>
${items.join('\n')}
</ul>
</html>
`
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
}
