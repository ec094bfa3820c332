import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isAlive } from "@sluice/runtime";
import { type Supervised, supervise } from "./supervised.js";

export interface RedisOptions {
  /** Folder of its data, configuration and log. */
  folder: string;
  port: number;
  password: string;
  say: (line: string) => void;
}

// The server goes when whoever started it goes, however: the guard sees the end of its standard input.
const guard = `
command -v redis-server >/dev/null 2>&1 && server=redis-server || server=valkey-server
exec 3<&0
"$server" "$1" 3<&- </dev/null & pid=$!
trap 'kill -TERM $pid 2>/dev/null' TERM
{ read -r _ <&3; kill -TERM $pid 2>/dev/null; } & watch=$!
exec 3<&-
wait $pid; wait $pid 2>/dev/null
kill $watch 2>/dev/null`;

function configuration({ folder, port, password }: RedisOptions): string {
  return [
    "bind 127.0.0.1",
    `port ${port}`,
    `requirepass ${password}`,
    `dir "${folder}"`,
    `logfile "${join(folder, "redis.log")}"`,
    `pidfile "${join(folder, "redis.pid")}"`,
    "appendonly yes",
    "appendfsync everysec",
    // Append-only is enough for a hint.
    'save ""',
    "maxmemory-policy noeviction",
    "",
  ].join("\n");
}

/** The answer to one inline command after AUTH; undefined when there is none, or the password is not its. */
export function askRedis(port: number, password: string, command: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" }, () =>
      socket.write(`AUTH ${password}\r\n${command}\r\nQUIT\r\n`),
    );
    let text = "";
    socket.setTimeout(1_000, () => socket.destroy());
    socket.on("data", (chunk) => {
      text += chunk.toString();
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(text.startsWith("+OK") ? text.slice(5) : undefined));
  });
}

async function pidIn(folder: string): Promise<number | undefined> {
  const pid = Number(await readFile(join(folder, "redis.pid"), "utf8").catch(() => ""));
  return pid > 0 ? pid : undefined;
}

/**
 * Ends a Redis that a killed stack left on this folder. It is ours when it takes the password in the folder's configuration and says
 * that it is the process in the folder's pid file; anything else is left alone.
 */
export async function retireStaleRedis(folder: string): Promise<void> {
  const pid = await pidIn(folder);
  const old = await readFile(join(folder, "redis.conf"), "utf8").catch(() => "");
  const [port, password] = [/^port (\d+)$/m.exec(old)?.[1], /^requirepass (\S+)$/m.exec(old)?.[1]];
  if (pid === undefined || port === undefined || password === undefined || !isAlive(pid)) return;
  const about = await askRedis(Number(port), password, "INFO server");
  if (about?.includes(`process_id:${pid}\r`) !== true) return;
  await askRedis(Number(port), password, "SHUTDOWN");
  for (let i = 0; i < 200 && isAlive(pid); i++) await sleep(50);
}

/** A Redis of the stack's own: loopback, password, append-only file, never evicts. */
export async function createRedis(
  options: RedisOptions,
): Promise<Supervised & { serverPid(): Promise<number | undefined> }> {
  await mkdir(options.folder, { recursive: true, mode: 0o700 });
  const file = join(options.folder, "redis.conf");
  // In a file, since other users can read command lines.
  await writeFile(file, configuration(options), { mode: 0o600 });
  const supervised = supervise({
    name: "redis",
    graceMs: 10_000,
    say: options.say,
    spawn: (): ChildProcess =>
      spawn("sh", ["-c", guard, "sluice-redis", file], { detached: true, stdio: ["pipe", "ignore", "ignore"] }),
    async ready(child) {
      while (child.exitCode === null && child.signalCode === null) {
        if ((await askRedis(options.port, options.password, "PING"))?.includes("PONG")) return;
        await sleep(20);
      }
    },
  });
  return { ...supervised, serverPid: () => pidIn(options.folder) };
}
