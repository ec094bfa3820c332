import { DocumentAccess } from "@sluice/contracts";
import { z } from "zod";
import { ok } from "./answers.js";
import { type Scope, scoped } from "./caller.js";
import type { Rpc } from "./rpc.js";

const Answer = z.union([
  z.object({ outcome: z.literal("ok"), access: DocumentAccess }),
  z.object({ outcome: z.enum(["forbidden", "not_found", "document_is_child", "subject_unknown"]) }),
]);

/** Who sees documents that not everybody does. */
export function createAccess(rpc: Rpc) {
  return {
    async of(scope: Scope, documentId: string): Promise<DocumentAccess> {
      return ok(await rpc.call("sluice_document_access", { ...scoped(scope), p_document: documentId }, Answer)).access;
    },
    /** To these and the owners, with all that was found in it; null: to whoever may read. */
    async restrict(
      scope: Scope,
      documentId: string,
      subjects: { kind: "api_key" | "user"; id: string }[] | null,
    ): Promise<DocumentAccess> {
      const args = { ...scoped(scope), p_document: documentId, p_subjects: subjects };
      return ok(await rpc.call("sluice_restrict_document", args, Answer)).access;
    },
  };
}
