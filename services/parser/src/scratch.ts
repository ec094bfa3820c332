import { lstat, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { isAlive } from "@sluice/runtime";

export interface Scratch {
  /** Empties what processes that were killed have left, and makes this process's folder. */
  start(): Promise<void>;
  /** Runs `work` with a folder of its own, which is gone when it ends, however it ends. */
  use<T>(name: string, work: (folder: string) => Promise<T>): Promise<T>;
  destroy(): Promise<void>;
}

/** Originals on disk while they are read: readable by this user only, a folder a process, named by its pid. */
export function createScratch(base: string): Scratch {
  const own = join(base, String(process.pid));
  const remove = (path: string) => rm(path, { recursive: true, force: true });
  return {
    async start() {
      await mkdir(base, { recursive: true, mode: 0o700 });
      // Whoever owns the folder can put others in the place of those in it. One made by another user in /tmp is not used; a volume is root's.
      const { uid } = await lstat(base);
      if (uid !== 0 && uid !== process.getuid?.()) throw new Error("the folder for originals is another user's");
      for (const name of await readdir(base)) {
        if (Number(name) === process.pid || !isAlive(Number(name))) await remove(join(base, name));
      }
      await mkdir(own, { recursive: true, mode: 0o700 });
    },
    async use(name, work) {
      const folder = join(own, name);
      await mkdir(folder, { mode: 0o700 });
      try {
        return await work(folder);
      } finally {
        await remove(folder);
      }
    },
    destroy: () => remove(own),
  };
}
