/** What the process ends with; documented in docs/cli.md. */
export const exitCodes = { ok: 0, someFailed: 1, usage: 2, unreachable: 3 } as const;

/** Ends the command with a message for people and an exit code. */
export class CommandError extends Error {
  constructor(
    message: string,
    readonly exitCode: number,
  ) {
    super(message);
    this.name = "CommandError";
  }
}
