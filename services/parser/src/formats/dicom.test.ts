import { describe, expect, test } from "@jest/globals";
import { parseBytes } from "../testing/collect.js";

type Element = [tag: number, representation: string, value: string | Buffer | Element[][]];
const [explicit, implicit] = ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"];
const longForms = new Set(["OB", "SQ", "UT", "UN"]);
const u16 = (value: number) => Buffer.from(Uint16Array.of(value).buffer);
const u32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer);
const number = (tag: number) => Buffer.concat([u16(tag >>> 16), u16(tag & 0xffff)]);

interface Way {
  syntax?: string;
  /** Sequences end where a mark says so. */
  isOpen?: boolean;
}

function element([tag, representation, value]: Element, { syntax, isOpen }: Way): Buffer {
  const way = { syntax, isOpen };
  let body: Buffer;
  if (Array.isArray(value)) {
    const items = value.map((each) => {
      const inner = Buffer.concat(each.map((one) => element(one, way)));
      return isOpen
        ? Buffer.concat([number(0xfffee000), u32(0xffffffff), inner, number(0xfffee00d), u32(0)])
        : Buffer.concat([number(0xfffee000), u32(inner.length), inner]);
    });
    body = Buffer.concat([...items, ...(isOpen ? [number(0xfffee0dd), u32(0)] : [])]);
  } else {
    body = Buffer.isBuffer(value) ? value : Buffer.from(value, "latin1");
    if (body.length % 2 === 1) body = Buffer.concat([body, Buffer.from(representation === "OB" ? [0] : " ")]);
  }
  const length = Array.isArray(value) && isOpen ? 0xffffffff : body.length;
  if (syntax === implicit) return Buffer.concat([number(tag), u32(length), body]);
  return longForms.has(representation)
    ? Buffer.concat([number(tag), Buffer.from(representation), u16(0), u32(length), body])
    : Buffer.concat([number(tag), Buffer.from(representation), u16(body.length), body]);
}

function dicom(elements: Element[], { syntax = explicit, isOpen }: Way = {}): Buffer {
  return Buffer.concat([
    Buffer.alloc(128),
    Buffer.from("DICM"),
    element([0x00020010, "UI", syntax], { syntax: explicit }),
    ...elements.map((each) => element(each, { syntax, isOpen })),
  ]);
}

const coded = (meaning: string, code = "x"): Element[][] => [
  [
    [0x00080100, "SH", code],
    [0x00080102, "SH", "LN"],
    [0x00080104, "LO", meaning],
  ],
];
const head: Element[] = [
  [0x00080005, "CS", "ISO_IR 100"],
  [0x00080018, "UI", "1.2.3.4"],
  [0x00080020, "DA", "20240131"],
  [0x00081030, "LO", "Chest film"],
  [0x00100010, "PN", "Müller^Anna"],
  [0x00100020, "LO", "4711"],
  [0x00100021, "LO", "Ward"],
  [0x00100030, "DA", "19700201"],
  [0x00100040, "CS", "F"],
];
const report: Element[] = [
  ...head,
  [0x0040a043, "SQ", coded("Radiology report", "18748-4")],
  [
    0x0040a730,
    "SQ",
    [
      [
        [0x0040a040, "CS", "CONTAINER"],
        [0x0040a043, "SQ", coded("Findings")],
        [
          0x0040a730,
          "SQ",
          [
            [
              [0x0040a043, "SQ", coded("Finding")],
              [0x0040a160, "UT", "Fièvre. No consolidation."],
            ],
            [
              [0x0040a043, "SQ", coded("Diameter")],
              [
                0x0040a300,
                "SQ",
                [
                  [
                    [0x004008ea, "SQ", coded("mm")],
                    [0x0040a30a, "DS", "12.0"],
                  ],
                ],
              ],
            ],
            [
              [0x0040a043, "SQ", coded("Impression")],
              [0x0040a168, "SQ", coded("Normal")],
            ],
          ],
        ],
      ],
    ],
  ],
];

describe("DICOM", () => {
  test.each<[string, Way]>([
    ["explicit", {}],
    ["explicit, with open sequences", { isOpen: true }],
    ["implicit", { syntax: implicit }],
    ["implicit, with open sequences", { syntax: implicit, isOpen: true }],
  ])("a structured report is read, %s", async (_how, way) => {
    const { text, summary, sections } = await parseBytes(dicom(report, way));
    expect(text.split("\n")).toEqual([
      "Radiology report",
      "Study: Chest film",
      "Findings",
      "  Finding: Fièvre. No consolidation.",
      "  Diameter: 12.0 mm",
      "  Impression: Normal",
    ]);
    expect(sections[0]?.code).toMatchObject({ system: "http://loinc.org", code: "18748-4" });
    expect(summary).toMatchObject({
      format: "dicom",
      header: {
        title: "Radiology report",
        patients: [
          {
            identifiers: [{ authority: "Ward", value: "4711" }],
            names: ["Anna Müller"],
            birthDate: "1970-02-01",
            sex: "female",
          },
        ],
        dates: [{ kind: "service", value: "2024-01-31" }],
        identifiers: [{ system: "urn:dicom:uid", value: "1.2.3.4" }],
      },
    });
  });

  test.each([
    ["as long as it is said to be", u32(7)],
    ["with its filling", undefined],
  ])("an encapsulated document is a child, %s", async (_how, length) => {
    const own = Buffer.from("%PDF-1.");
    const { children, text, summary } = await parseBytes(
      dicom([
        ...head,
        [0x00420010, "ST", "Discharge letter"],
        [0x00420011, "OB", own],
        [0x00420012, "LO", "application/pdf"],
        ...(length ? [[0x00420015, "UN", length] as Element] : []),
      ]),
    );
    const bytes = length ? own : Buffer.concat([own, Buffer.alloc(1)]);
    expect(children).toMatchObject([{ path: "document", declaredType: "application/pdf" }]);
    expect(children[0]?.bytes).toEqual(bytes);
    expect([text, summary.header.title]).toEqual(["Study: Chest film", "Discharge letter"]);
  });

  test("pictures alone, packed files, damage and endless nesting have codes", async () => {
    const picture = dicom([...head, [0x7fe00010, "OB", Buffer.alloc(64)]]);
    await expect(parseBytes(picture)).rejects.toMatchObject({ code: "document_type_unsupported" });
    const packed = dicom(head, { syntax: "1.2.840.10008.1.2.1.99" });
    await expect(parseBytes(packed)).rejects.toMatchObject({ code: "document_type_unsupported" });
    const whole = dicom(report);
    await expect(parseBytes(whole.subarray(0, whole.length - 30))).rejects.toMatchObject({ code: "document_corrupt" });
    let deep: Element = [0x0040a730, "SQ", [[]]];
    for (let level = 0; level < 400; level += 1) deep = [0x0040a730, "SQ", [[deep]]];
    await expect(parseBytes(dicom([deep]))).rejects.toMatchObject({ code: "limit_nesting" });
  });
});
