import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "@sluice/local";
import { Redis, type RedisOptions } from "ioredis";
import { until } from "./checks.js";

/** A redis-server of a test's own, configured line by line. */
export interface RedisServer {
  port: number;
  ask(...command: (string | number)[]): Promise<unknown>;
  kill(): Promise<void>;
  destroy(): Promise<void>;
}

export async function startRedisServer(
  lines: string[],
  options: { args?: string[]; client?: RedisOptions; tlsOnly?: boolean } = {},
): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-redis-"));
  const port = await freePort();
  const file = join(folder, "redis.conf");
  const ports = options.tlsOnly ? ["port 0", `tls-port ${port}`] : [`port ${port}`];
  await writeFile(file, ["bind 127.0.0.1", ...ports, `dir "${folder}"`, 'save ""', ...lines, ""].join("\n"));
  const child: ChildProcess = spawn("redis-server", [file, ...(options.args ?? [])], { stdio: "ignore" });
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const client = new Redis({ host: "127.0.0.1", port, maxRetriesPerRequest: null, ...options.client });
  client.on("error", () => {});
  const end = async () => {
    client.disconnect();
    child.kill("SIGKILL");
    await gone;
  };
  await until(async () => client.status === "ready");
  return {
    port,
    ask: (...command) => client.call(String(command[0]), ...command.slice(1).map(String)),
    kill: end,
    async destroy() {
      await end();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
