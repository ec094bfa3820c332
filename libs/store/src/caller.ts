/** On whose behalf something is read or changed. The database checks it and writes the audit entry. */
export interface Caller {
  kind: "api_key" | "user";
  /** The key's or the person's id. */
  id: string;
  /** A person's: the right ends with it. */
  sessionId?: string;
  requestId?: string;
  address?: string;
}

/** Where a caller acts: the two things that stand before everything else in a call. */
export interface Scope {
  organizationId: string;
  caller: Caller;
}

export function scoped(scope: Scope) {
  return { p_organization: scope.organizationId, p_caller: { ...scope.caller } };
}
