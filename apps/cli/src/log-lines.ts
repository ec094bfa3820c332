import { styleText } from "node:util";
import { printable } from "./output.js";

type Values = Record<string, string | number>;
const colours = { debug: "gray", info: "green", warn: "yellow", error: "red" } as const;
const isLevel = (text: unknown): text is keyof typeof colours => typeof text === "string" && text in colours;

/** A service's line of JSON; undefined for what else a process says. */
function parse(line: string): Values | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && "msg" in value ? (value as Values) : undefined;
  } catch {
    return undefined;
  }
}

/** For programs: a service's own line with the process's name, and whatever else is said as one of the same form. */
export function jsonLine(source: string, line: string, now = new Date()): string {
  const { level, time, service, pid, msg, ...fields } = parse(line) ?? { level: "info", msg: line };
  return JSON.stringify({
    level,
    time: time ?? now.toISOString(),
    service: service ?? source,
    process: source,
    pid,
    ...fields,
    msg,
  });
}

/** What a person reads first comes first, ids last; what is the same in every line, or says the same twice, is left to the JSON. */
function readable({ organizationId: _, queue, ...fields }: Values): [string, string | number][] {
  const shown = Object.entries(queue === undefined || queue === fields.stage ? fields : { queue, ...fields });
  const isId = ([name]: [string, unknown]) => name.endsWith("Id");
  return [...shown.filter((each) => !isId(each)), ...shown.filter(isId)];
}

/** For people: the time of day, who, and what, with the fields behind it. */
export function prettyLine(source: string, line: string, options: { colour: boolean; now?: Date }): string {
  const { level, time, service: _, pid: _pid, msg, ...fields } = parse(line) ?? { level: "info", msg: line };
  const at = time === undefined ? (options.now ?? new Date()) : new Date(time);
  const word = isLevel(level) ? level : "info";
  const paint = (colour: "gray" | "green" | "yellow" | "red", text: string) =>
    options.colour ? styleText(colour, text, { validateStream: false }) : text;
  const said = readable(fields).map(([name, value]) => paint("gray", `${name}=`) + printable(String(value), 300));
  const clock = at.toLocaleTimeString("en-GB", { hour12: false });
  return [
    paint("gray", clock),
    source.padEnd(11),
    paint(colours[word], word.padEnd(5)),
    printable(String(msg), 500),
    ...said,
  ].join(" ");
}
