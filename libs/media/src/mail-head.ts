/** Fields that mail programs write and people do not. */
const technical = /^(mime-version|content-type|message-id|received|return-path|x-[\w-]+|dkim-signature|delivered-to)$/i;
/** Fields that a memo has as well. */
const personal = /^(from|to|cc|subject|date|sender|snapshot-content-location)$/i;

/** Which kind of mail the beginning of a text is: one message, a box of them, or a web page kept as one; `undefined` for what is no mail. */
export function mailKind(text: string): "message/rfc822" | "multipart/related" | "application/mbox" | undefined {
  const [first = "", second = ""] = text.split("\n", 2);
  if (/^From \S/.test(first) && /\d{4}/.test(first) && /^[!-9;-~]+:/.test(second)) return "application/mbox";
  // Apple Mail keeps a message's length on a line before it.
  const fields = headerFields(text.replace(/^\ufeff?\s*(\d+\s*\n)?/, ""));
  const names = fields.map(([name]) => name);
  if (!names.some((name) => technical.test(name)) || !names.some((name) => personal.test(name))) return undefined;
  const contentType = fields.find(([name]) => /^content-type$/i.test(name))?.[1] ?? "";
  const isPage =
    /multipart\/related/i.test(contentType) && !names.some((name) => /^(to|received|message-id)$/i.test(name));
  return isPage ? "multipart/related" : "message/rfc822";
}

/** The fields up to the first empty line; none when a line is no field. */
function headerFields(text: string): [name: string, value: string][] {
  const fields: [string, string][] = [];
  const lines = text.split(/\r?\n|\r/);
  for (const [index, line] of lines.entries()) {
    if (line === "") return fields;
    const field = /^([!-9;-~]{1,76}):(.*)$/s.exec(line);
    const last = fields.at(-1);
    if (field) fields.push([field[1] ?? "", field[2] ?? ""]);
    else if (/^[ \t]/.test(line) && last) last[1] += line;
    // The head of the file may end within a line.
    else return index === lines.length - 1 ? fields : [];
  }
  return fields;
}
