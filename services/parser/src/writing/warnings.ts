import type { ParseWarning } from "@sluice/contracts";

/** So many pages are listed for each code, and then only counted: one kind of warning must not drown another. */
const maxListed = 50;

export class Warnings {
  readonly #pages = new Map<string, Set<number>>();
  readonly #general = new Set<string>();

  add(code: string, page?: number): void {
    if (!this.#pages.has(code)) this.#pages.set(code, new Set());
    if (page === undefined) this.#general.add(code);
    else this.#pages.get(code)?.add(page);
  }

  list(): ParseWarning[] {
    return [...this.#pages].flatMap(([code, pages]): ParseWarning[] => {
      const listed = [...pages].slice(0, maxListed).map((page) => ({ code, page }));
      if (pages.size > maxListed) return [...listed, { code, count: pages.size }];
      return this.#general.has(code) ? [...listed, { code }] : listed;
    });
  }
}
