import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Supervised, supervise } from "./supervised.js";

export const serviceNames = ["gateway", "parser", "chunker", "embedder", "supervisor"] as const;
export type ServiceName = (typeof serviceNames)[number];

export interface RunningService extends Supervised {
  /** Where its health and metrics are. */
  metricsUrl(): string | undefined;
}

/** What one process is started with, beside or in place of what the others are. */
export interface ServiceOverride {
  env?: NodeJS.ProcessEnv;
  /** Root of another build of this project, whose code the process runs. */
  root?: string;
}

const entryOf = (service: ServiceName, root?: string) =>
  root === undefined
    ? fileURLToPath(import.meta.resolve(`@sluice/${service}/main`))
    : join(root, "services", service, "dist", "main.js");

/** One service as a process of its own, its output line by line behind its name. */
export function createService(options: {
  service: ServiceName;
  /** `parser.1` */
  name: string;
  env: NodeJS.ProcessEnv;
  override?: (name: string) => ServiceOverride;
  graceMs: number;
  log: (source: string, line: string) => void;
}): RunningService {
  const { name, log } = options;
  let port: number | undefined;
  const supervised = supervise({
    name,
    graceMs: options.graceMs + 6_000,
    say: (line) => log("stack", line),
    spawn() {
      const { env, root } = options.override?.(name) ?? {};
      const child = fork(entryOf(options.service, root), {
        env: {
          ...options.env,
          ...env,
          SLUICE_INSTANCE: "",
          SHUTDOWN_GRACE_MS: String(options.graceMs),
          METRICS_PORT: "0",
        },
        execArgv: ["--enable-source-maps"],
        detached: true,
        stdio: ["ignore", "pipe", "pipe", "ipc"],
      });
      for (const stream of [child.stdout, child.stderr]) {
        let rest = "";
        stream?.setEncoding("utf8").on("data", (text: string) => {
          const lines = (rest + text).split("\n");
          rest = lines.pop() ?? "";
          for (const line of lines) if (line !== "") log(name, line);
        });
      }
      return child;
    },
    async ready(child) {
      const [{ started }] = (await once(child, "message")) as [{ started: number }];
      port = started;
      const url = `http://127.0.0.1:${port}/readyz`;
      while (child.exitCode === null && child.signalCode === null) {
        if (
          await fetch(url).then(
            ({ ok }) => ok,
            () => false,
          )
        )
          return;
        await sleep(50);
      }
    },
  });
  return { ...supervised, metricsUrl: () => (port === undefined ? undefined : `http://127.0.0.1:${port}/metrics`) };
}
