import { isObject, str } from "./fhir-readable.js";
import type { Found, Frame } from "./fhir-source.js";

/** So many resources are told apart. */
const maxKept = 100_000;

interface Version {
  path: string;
  number: number | null;
}

/** Of the versions of a resource that a bundle of the type `history` holds, which do not stand: all but the newest, and that too if it was deleted. */
export class History {
  /** By `Type/id`; null where the last thing that was done is a deletion. */
  readonly #newest = new Map<string, Version | null>();
  readonly #past = new Set<string>();

  /** Bundles give the newest first; a version's number says more. To be told of everything in the order of the file. */
  see(found: Found, { deleted }: Frame): void {
    const key = keyOf(found);
    if (!key || this.#past.size >= maxKept) return;
    const known = this.#newest.get(key);
    if (known === undefined && this.#newest.size >= maxKept) return;
    const own = { path: found.path, number: versionOf(found) };
    const isFirst = known === undefined && !deleted.has(key);
    const isNewer = Boolean(known) && (known?.number ?? null) !== null && (own.number ?? 0) > (known?.number ?? 0);
    if (isNewer && known) this.#past.add(known.path);
    if (isFirst || isNewer) this.#newest.set(key, own);
    else {
      this.#newest.set(key, known ?? null);
      this.#past.add(own.path);
    }
  }

  /** Whether what a resource states has been changed or taken back since. */
  isPast({ path, container }: Found): boolean {
    return this.#past.has(container ?? path);
  }
}

function keyOf({ resource, container, fullUrl }: Found): string | null {
  const id = str(resource.id);
  if (container !== null) return null;
  return id ? `${resource.resourceType}/${id}` : fullUrl;
}

function versionOf({ resource }: Found): number | null {
  const version = isObject(resource.meta) ? Number(resource.meta.versionId) : Number.NaN;
  return Number.isSafeInteger(version) ? version : null;
}
