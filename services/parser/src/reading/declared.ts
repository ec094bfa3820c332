/** The `charset` parameter of a declared media type. */
export function charsetOf(declaredType: string | null): string | null {
  return /;\s*charset="?([^\s;"]+)/i.exec(declaredType ?? "")?.[1] ?? null;
}
