/** What `func-local --help` prints. */
export const USAGE = `Usage: func-local start [flags]
       func-local invoke <function> [data|@file|-] [flags]

Runs the Azure Functions app (Node.js, v4 programming model) in this folder, and loads it again when its files change.

  --script-root <dir>      The app's folder; default: the current one. --prefix is the same.
  -p, --port <port>        The port to listen on; default: 7071, or Host.LocalHttpPort of local.settings.json; 0: a free one.
  --address <address>      The address to listen on; default: 127.0.0.1, which only this machine reaches.
  --functions <a> <b> …    Run only these functions; default: all, or "functions" of host.json.
  --cors <origins>         Origins that browsers may call from, with commas between; * for all. Default: Host.CORS.
  --cors-credentials       Let browsers send credentials across origins. Default: Host.CORSCredentials.
  --enableAuth             Ask for function and admin keys, as in Azure. The key is FUNC_LOCAL_KEY, or made and printed.
  --useHttps               Serve HTTPS, with a certificate made for this machine unless --cert names another.
  --cert <file>            The certificate with its private key: a .pfx or PEM file.
  --password <text>        The password of --cert, or the file that holds it.
  --no-console             Give browsers the plain list of functions at / instead of the console.
  --json                   Write the log for tools: one JSON object a line.
  --verbose                Show the host's own information too, and the ids of requests.
  --language-worker -- …   Arguments for the Node process that runs the app, for example --inspect=9229. Last, because
                           everything after the two dashes is for Node.
  --no-build               Accepted; func-local never builds the app.
  -h, --help               Print this.
  -v, --version            Print the version.

func-local invoke <function> [data|@file|-] [flags]
                           Calls a function once and prints its log, its outputs and its result. It asks the host that runs
                           this app, or starts one that listens to nothing. The data is the value that the handler gets; - is
                           standard input; without it, a sample is taken. For an HTTP function, a JSON object with none but
                           the keys method, params, query, headers and body is the request, any other data its body.
  --sample                 Print the sample instead.
  --input <name>=<value>   The value of an input, by its binding's name or type; @file and - as for the data.
  --blob <container/name>  The blob that the data stands for; without data it is read.
  --json                   Print one JSON object.
  --key <key>              The key of a host with --enableAuth. Default: FUNC_LOCAL_KEY.
  --script-root, --port, --verbose as for start.

Flags have any case; --flag=value and --flag value are the same. "func-local" alone, "func-local host start" and
"func-local func start" start the app, too. Flags for languages (--javascript, --typescript, --node) and
--no-interactive are accepted and change nothing. Not supported: --enable-json-output, --json-output-file (refused);
--timeout, --runtime, --dotnet-isolated-debug, --csharp, --debug (ignored, with a line that says so).

Settings come from the environment, then from local.settings.json, then from .env.

Environment:
  FUNC_LOCAL_KEY                                 The key that --enableAuth asks for.
  FUNC_LOCAL_QUEUE_LEASE_SECONDS                 Shortens the ten-minute lease of queue messages, for tests.
  AzureFunctionsJobHost__<section>__<key>        Takes precedence over a value of host.json.
  languageWorkers__node__arguments               Arguments for the Node process that runs the app.
  WEBSITE_TIME_ZONE, TZ                          The time zone of handlers and timers, "Europe/Berlin" for example.
  NO_COLOR, FORCE_COLOR                          Colours off, or on although the output is no terminal.

The first Ctrl-C lets what runs finish, for at most 10 seconds; a second one ends everything at once.
Exit code: 0 after a stop; 1 when the host could not start, or was ended before what ran had finished. Of invoke: 0 when
the function succeeded, else 1.
`
