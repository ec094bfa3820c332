import type { Document } from "@sluice/contracts";
import { ProblemError } from "./client.js";
import { printable } from "./output.js";

type Named = Pick<Document, "id" | "fileName" | "parentId"> & Partial<Pick<Document, "memberPath">>;

/** Documents within documents go no deeper than this (PARSER_MAX_CHILD_DEPTH is lower). */
const deepest = 20;

/**
 * Names documents for people: by file name; one that was found inside another by the outermost file's name and its way through it,
 * `letters.xml / attachment-1.pdf`. Looks up what it has to, each document once; what may not be read or is gone is named by its id.
 */
export function createNamer(lookUp: (id: string) => Promise<Document>): (document: Named) => Promise<string> {
  const known = new Map<string, Promise<Document | undefined>>();
  const find = (id: string) => {
    const found =
      known.get(id) ??
      lookUp(id).catch((error: unknown) => {
        if (error instanceof ProblemError && [403, 404].includes(error.problem.status)) return undefined;
        throw error;
      });
    known.set(id, found);
    return found;
  };
  const own = (document: Named) => printable(document.fileName ?? document.id, 60);
  const name = async (document: Named, depth: number): Promise<string> => {
    if (document.parentId === null || depth > deepest) return own(document);
    const [parent, memberPath] = await Promise.all([
      find(document.parentId),
      document.memberPath !== undefined ? document.memberPath : find(document.id).then((whole) => whole?.memberPath),
    ]);
    if (parent === undefined) return own(document);
    const last = printable(memberPath ?? "", 60);
    return `${await name(parent, depth + 1)} / ${last === "" ? own(document) : last}`;
  };
  return (document) => name(document, 0);
}
