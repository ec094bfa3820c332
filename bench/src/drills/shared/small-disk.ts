import { spawnSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { join } from "node:path";
import { Missing, type Preparation, type Prepared } from "./drill.js";

/** A file system of its own, in memory, that can be full. */
export interface SmallDisk extends Prepared {
  dataFolder: string;
  /** Takes what is left, to the last byte. */
  fill(): void;
  /** Gives it back. */
  free(): void;
  /** Bytes that are left. */
  left(): number;
  destroy(): Promise<void>;
}

const isFull = (error: unknown) => (error as NodeJS.ErrnoException).code === "ENOSPC";

export function mountSmallDisk({ folder }: Preparation, megabytes: number): SmallDisk {
  const dataFolder = join(folder, "disk");
  mkdirSync(dataFolder);
  const options = ["-t", "tmpfs", "-o", `size=${megabytes}m,mode=0700`, "sluice-drill", dataFolder];
  const mounted = spawnSync("mount", options, { encoding: "utf8" });
  if (mounted.status !== 0) {
    const why = (mounted.error?.message ?? mounted.stderr).trim();
    throw new Missing(
      `This drill mounts a small file system, which needs root and CAP_SYS_ADMIN; here it was refused: ${why}`,
    );
  }
  const ballast = join(dataFolder, "ballast");
  return {
    dataFolder,
    fill() {
      const file = openSync(ballast, "a");
      try {
        // The smaller the pieces, the less is left.
        for (const size of [1 << 20, 1 << 12, 1])
          for (;;)
            try {
              if (writeSync(file, Buffer.alloc(size)) < size) break;
            } catch (error) {
              if (!isFull(error)) throw error;
              break;
            }
      } finally {
        closeSync(file);
      }
    },
    free: () => rmSync(ballast, { force: true }),
    left() {
      const { bavail, bsize } = statfsSync(dataFolder);
      return bavail * bsize;
    },
    async destroy() {
      // What still has a file open would keep it; nothing that is left here is wanted.
      if (spawnSync("umount", [dataFolder]).status !== 0) spawnSync("umount", ["-l", dataFolder]);
    },
  };
}
