import { describe, expect, it } from "@jest/globals";
import { layOut, type Run } from "./pdf-layout.js";

const size = 10;
/** Text set in a type whose letters are half as wide as high. */
const run = (text: string, x: number, y: number, own: Partial<Run> = {}): Run => ({
  text,
  x,
  y,
  width: text.length * 5,
  size,
  ...own,
});
const line = (y: number, ...cells: [number, string][]) => cells.map(([x, text]) => run(text, x, y));
const text = (runs: Run[]) =>
  layOut(runs)
    .map((block) => ("rows" in block ? block.rows.map((row) => row.join(" | ")) : block.lines).join("\n"))
    .join("\n");
/** Drawn field by field from the back, as forms are. */
const backwards = (runs: Run[]) => [...runs].reverse();

describe("a line", () => {
  it("joins pieces of a word and sets words apart by the gap between them", () => {
    expect(text([run("Hyper", 10, 20), run("tension", 35, 20), run("noted", 75, 20)])).toBe("Hypertension noted");
  });

  it("keeps a raised digit apart from the one before it", () => {
    expect(text([run("10", 10, 20), run("9", 20, 16, { size: 6, width: 3 }), run("/L", 26, 20)])).toBe("10^9 /L");
    expect(text([run("charges", 10, 20, { width: 35 }), run("5", 45, 16, { size: 6, width: 3 })])).toBe("charges 5");
    expect(text([run("m", 10, 20, { width: 8 }), run("2", 18, 16, { size: 6, width: 3 })])).toBe("m2");
  });

  it("says once what is drawn twice to look bold", () => {
    expect(text([run("Findings", 10, 20), run("Findings", 10.4, 20)])).toBe("Findings");
  });
});

describe("a table", () => {
  const results = [
    ...line(20, [10, "Test"], [120, "Result"], [200, "Units"]),
    ...line(34, [10, "Sodium"], [120, "140"], [200, "mmol/L"]),
    ...line(48, [10, "Potassium"], [120, "4.1"], [200, "mmol/L"]),
    ...line(62, [10, "Creatinine, serum"], [120, "88"], [200, "umol/L"]),
  ];
  const rows = [
    ["Test", "Result", "Units"],
    ["Sodium", "140", "mmol/L"],
    ["Potassium", "4.1", "mmol/L"],
    ["Creatinine, serum", "88", "umol/L"],
  ];

  it("is lines that stand in columns, with words above numbers as its heading", () => {
    expect(layOut(results)).toEqual([{ rows, headerRows: 1 }]);
  });

  it("is read across and down, however it was drawn", () => {
    expect(layOut(backwards(results))).toEqual([{ rows, headerRows: 1 }]);
  });

  it("leaves cells empty where nothing stands in a column, and keeps a wrapped cell in its own", () => {
    const wrapped = [
      ...line(20, [10, "Test"], [120, "Result"], [200, "Comment"]),
      ...line(34, [10, "Culture"], [120, "1"], [200, "no growth"]),
      ...line(46, [200, "after 48 h"]),
      ...line(60, [10, "Gram"], [200, "2 seen"]),
      ...line(74, [10, "Stain"], [120, "3"], [200, "none"]),
    ];
    const [block] = layOut(wrapped);
    expect(block).toMatchObject({
      rows: [expect.anything(), expect.anything(), ["", "", "after 48 h"], ["Gram", "", "2 seen"], expect.anything()],
    });
  });

  it("is no list, and no two lines that happen to have a gap", () => {
    const bullets = [20, 34, 48, 62].flatMap((y, i) => line(y, [10, "•"], [30, `Item ${i}`]));
    expect(layOut(bullets)).toEqual([{ lines: ["• Item 0", "• Item 1", "• Item 2", "• Item 3"] }]);
    const signatures = [...line(20, [10, "Signed"], [200, "Countersigned"]), ...line(34, [10, "Dr A"], [200, "Dr B"])];
    expect(layOut(signatures)).toEqual([{ lines: ["Signed Countersigned", "Dr A Dr B"] }]);
  });
});

describe("columns of prose", () => {
  const left = [
    "The patient was seen in the clinic",
    "for review of the wound, which has",
    "healed by secondary intention and",
    "shows no sign of infection at all",
    "so that dressings can be stopped",
    "from the end of this week on.",
  ];
  const other = [
    "She takes her tablets as directed",
    "and has had no further dizziness,",
    "falls or palpitations since spring",
    "and her blood pressure today was",
    "well within the range agreed upon",
    "with her at the last appointment.",
  ];
  const columns = left.flatMap((words, i) => [run(words, 10, 40 + i * 12), run(other[i] ?? "", 220, 40 + i * 12)]);
  const whole = [...left, ...other].join("\n");

  it("are read one after the other where drawing jumps about", () => {
    expect(text(backwards(columns))).toBe(whole);
  });

  it("stay as they were drawn where they were drawn in order", () => {
    const drawn = [...columns].sort((a, b) => a.x - b.x || a.y - b.y);
    expect(text(drawn)).toBe(whole);
  });

  it("come after what stands over both of them", () => {
    const titled = [run("A letter about the wound, and about all else that came up at the clinic", 10, 10), ...columns];
    expect(text(backwards(titled)).split("\n")[0]).toMatch(/^A letter/);
    expect(text(backwards(titled)).split("\n").slice(1).join("\n")).toBe(whole);
  });
});

it("puts a form's labels and values, drawn in any order, line by line", () => {
  const fields: Run[] = [];
  for (let i = 0; i < 12; i += 1)
    fields.push(
      run(`Label ${i}`, 10 + (i % 3) * 120, 20 + Math.floor(i / 3) * 40),
      run(`value ${i}`, 10 + (i % 3) * 120, 34 + Math.floor(i / 3) * 40),
    );
  const words = text(backwards(fields)).match(/\w+ \d+/g);
  expect(words?.slice(0, 6)).toEqual(["Label 0", "Label 1", "Label 2", "value 0", "value 1", "value 2"]);
  expect(new Set(words).size).toBe(24);
});

it("loses no word and adds none, whatever stands where", () => {
  let state = 7;
  const random = () => {
    state = (state * 16_807) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  for (let page = 0; page < 200; page += 1) {
    const runs = Array.from({ length: 1 + Math.floor(random() * 60) }, (_, i) =>
      run(`w${i}`, random() * 500, random() * 700, { size: 6 + random() * 10 }),
    );
    const found = text(runs)
      .split(/[\s|^]+/)
      .filter(Boolean)
      .join("");
    expect([...found].sort().join("")).toBe([...runs.map((each) => each.text).join("")].sort().join(""));
  }
});
