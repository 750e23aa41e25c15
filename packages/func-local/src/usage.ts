/** What `func-local --help` prints. */
export const USAGE = `Usage: func-local start [flags]

Runs the Azure Functions app (Node.js, v4 programming model) in this folder.

  --script-root <dir>      The app's folder; default: the current one.
  -p, --port <port>        The port to listen on; default: 7071, or Host.LocalHttpPort of local.settings.json.
  --address <address>      The address to listen on; default: 127.0.0.1.
  --functions <a> <b> …    Run only these functions.
  --cors <origins>         Origins that browsers may call from, with commas between; * for all.
  --cors-credentials       Let browsers send credentials across origins.
  --enableAuth             Ask for function and admin keys, as in Azure. The key is FUNC_LOCAL_KEY, or made and printed.
  --verbose                Show the host's own information too.
  --language-worker -- …   Arguments for the Node process that runs the app, for example --inspect=9229.
  --no-build               Accepted for compatibility; func-local never builds the app.
  --help, --version
`
