import type { ParseWarning } from "@sluice/contracts";

/** So many pages are listed for each code, and then only counted: one kind of warning must not drown another. */
const maxListed = 50;

export class Warnings {
  readonly #pages = new Map<string, Set<number>>();
  readonly #general = new Map<string, number>();

  add(code: string, page?: number): void {
    if (!this.#pages.has(code)) this.#pages.set(code, new Set());
    if (page === undefined) this.#general.set(code, (this.#general.get(code) ?? 0) + 1);
    else this.#pages.get(code)?.add(page);
  }

  list(): ParseWarning[] {
    return [...this.#pages].flatMap(([code, pages]): ParseWarning[] => {
      const listed = [...pages].slice(0, maxListed).map((page) => ({ code, page }));
      if (pages.size > maxListed) return [...listed, { code, count: pages.size }];
      const times = this.#general.get(code) ?? 0;
      if (times === 0) return listed;
      return [...listed, times > 1 ? { code, count: times } : { code }];
    });
  }
}
