import { parseArgs, type ParseArgsConfig } from 'node:util'

/** The command line can't be understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/**
 * Parses the command line of this process: options, and positional arguments beside them.
 *
 * @throws UsageError
 */
export function parseCommandLine<const Options extends NonNullable<ParseArgsConfig['options']>>(
  options: Options,
): ReturnType<typeof parseArgs<{ allowPositionals: true; options: Options }>> {
  try {
    return parseArgs({ allowPositionals: true, options })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

/**
 * Runs a command. A command line that can't be understood prints how the command is used; of an error of the known kinds, which a
 * person has to put right, its message is all they see.
 *
 * @param read reads the command line, which may ask for help
 * @returns whether it went well
 */
export async function runCommand<CommandLine>(
  usage: string,
  known: readonly (abstract new (...args: never[]) => Error)[],
  read: () => CommandLine | 'help',
  run: (commandLine: CommandLine) => Promise<void>,
): Promise<boolean> {
  try {
    const commandLine = read()
    if (commandLine === 'help') console.log(usage)
    else await run(commandLine)
    return true
  } catch (error) {
    if (error instanceof UsageError) console.error(`${error.message}\n\n${usage}`)
    else if (known.some((kind) => error instanceof kind)) console.error((error as Error).message)
    else console.error(error)
    return false
  }
}
