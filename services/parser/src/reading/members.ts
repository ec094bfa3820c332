import { SluiceError } from "@sluice/contracts";
import type { Output } from "../formats/format.js";

/** What systems put into archives for themselves. */
const clutter =
  /(^|\/)(__MACOSX(\/|$)|\.DS_Store$|\._[^/]*$|Thumbs\.db$|desktop\.ini$|\.Spotlight-V100(\/|$)|\.Trashes(\/|$))/i;

/** The kinds of text that look alike, which a name decides between. */
const typesByName: Readonly<Record<string, string>> = {
  csv: "text/csv",
  tsv: "text/tab-separated-values",
  md: "text/markdown",
  markdown: "text/markdown",
};

/** A member's name as a path that leads nowhere else, and whether it tried to. */
export function memberPath(name: string): { path: string; isSafe: boolean } {
  const parts = name.replaceAll("\\", "/").split("/");
  const isAbsolute = name.startsWith("/") || name.startsWith("\\") || /^[a-z]:/i.test(name);
  const path = parts
    .filter((part, index) => !["", ".", ".."].includes(part) && !(index === 0 && /^[a-z]:$/i.test(part)))
    .join("/");
  return { path, isSafe: !isAbsolute && !parts.includes("..") };
}

/**
 * Hands an archive's members on as children, what is of no use to a reader left out and counted. A damaged member is warned of and
 * the others are read; `end` fails where none could be.
 */
export class Members {
  readonly #out: Output;
  #given = 0;
  /** The last member's failure. */
  #failure: SluiceError | undefined;
  /** What must not be taken for a member's fault. */
  #fatal: unknown;

  constructor(out: Output) {
    this.#out = out;
  }

  /** Whether it is a file for readers, with something in it. */
  wants(name: string, size: number): boolean {
    if (/[\\/]$/.test(name)) return false;
    if (size > 0 && !clutter.test(name)) return true;
    this.#out.warn(size > 0 ? "member_skipped" : "member_empty");
    return false;
  }

  async give(name: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    const { path, isSafe } = memberPath(name);
    if (!isSafe) this.#out.warn("member_name_unsafe");
    const fileName = path.slice(path.lastIndexOf("/") + 1) || null;
    const declaredType = typesByName[/\.(\w+)$/.exec(path)?.[1]?.toLowerCase() ?? ""] ?? null;
    const source = guarded(bytes);
    try {
      await this.#out.child({ path: path || "member", fileName, declaredType, bytes: source.bytes });
      this.#given += 1;
    } catch (error) {
      const { failure } = source;
      // What the receiving side throws is not the member's fault, and a limit that is passed is the whole archive's.
      if (!failure || isLimit(failure.error)) {
        this.#fatal = error;
        throw error;
      }
      this.refuse(failure.error);
    }
  }

  /** A member that can't be read. */
  refuse(error: unknown): void {
    this.#failure = error instanceof SluiceError ? error : new SluiceError("document_corrupt", { cause: error });
    this.#out.warn(this.#failure.code === "document_encrypted" ? "member_encrypted" : "member_damaged");
  }

  /** The archive ends too early or goes on in a way that can't be read: what was read of it stays. */
  breakOff(error: unknown): void {
    if (this.#given === 0 || error === this.#fatal || isLimit(error)) throw error;
    this.#out.warn("archive_cut_short");
  }

  end(): void {
    if (this.#given === 0 && this.#failure) throw this.#failure;
  }
}

function isLimit(error: unknown): boolean {
  return error instanceof SluiceError && error.code.startsWith("limit_");
}

/** The same bytes, with what their source failed with. */
function guarded(bytes: AsyncIterable<Uint8Array>) {
  const guard: { bytes: AsyncIterable<Uint8Array>; failure: { error: unknown } | null } = {
    bytes: relay(),
    failure: null,
  };
  async function* relay() {
    try {
      yield* bytes;
    } catch (error) {
      guard.failure = { error };
      throw error;
    }
  }
  return guard;
}
