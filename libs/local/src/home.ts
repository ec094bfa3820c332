import { createHash, randomBytes } from "node:crypto";
import { chmod, lstat, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join, resolve } from "node:path";
import { LockedError, takeLock } from "@sluice/runtime";

/** Made once for a home and kept in it, readable by its owner only. */
export interface Secrets {
  publishableKey: string;
  secretKey: string;
  jwtSecret: string;
  redisPassword: string;
  auditHashKey: string;
  auditSealKey: string;
  /** The local organization and its key, once they are made. */
  organizationId?: string;
  apiKey?: string;
}

export interface Home {
  readonly path: string;
  folder(name: string): string;
  read<T>(file: string): Promise<T | undefined>;
  /** Replaces a file at once and for its owner only. */
  write(file: string, value: unknown): Promise<void>;
  remove(file: string): Promise<void>;
  unlock(): Promise<void>;
}

const random = (bytes: number) => randomBytes(bytes).toString("base64url");

export function newSecrets(): Secrets {
  return {
    publishableKey: `sb_publishable_${random(24)}`,
    secretKey: `sb_secret_${random(24)}`,
    jwtSecret: random(48),
    redisPassword: random(24),
    auditHashKey: random(32),
    auditSealKey: random(32),
  };
}

/** Opens a stack's home and holds it: two stacks on one home would ruin its database. */
export async function openHome(path: string): Promise<Home> {
  const base = resolve(path);
  await mkdir(base, { recursive: true, mode: 0o700 });
  const lock = await takeLock(join(base, "lock")).catch((error: unknown) => {
    if (!(error instanceof LockedError)) throw error;
    throw new Error(`Another stack runs in ${base}: process ${error.pid}.`, { cause: error });
  });
  return {
    path: base,
    folder: (name) => join(base, name),
    async read<T>(file: string) {
      const text = await readFile(join(base, file), "utf8").catch(() => undefined);
      return text === undefined ? undefined : (JSON.parse(text) as T);
    },
    async write(file, value) {
      const temporary = join(base, `.${file}.${random(6)}`);
      await writeFile(temporary, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600, flush: true });
      await rename(temporary, join(base, file));
    },
    remove: (file) => rm(join(base, file), { force: true }),
    unlock: () => lock.release(),
  };
}

/** Where a home's SQL socket lies: in the home, or, where that path is too long for a socket, in a folder of the user's. */
export async function socketFolder(home: string): Promise<string> {
  const inside = join(home, "sql");
  const id = createHash("sha256").update(home).digest("hex").slice(0, 12);
  const folder = inside.length < 80 ? inside : join(tmpdir(), `sluice-${userInfo().uid}-${id}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if ((await lstat(folder)).uid !== userInfo().uid) throw new Error(`${folder} is somebody else's.`);
  await chmod(folder, 0o700);
  return folder;
}
