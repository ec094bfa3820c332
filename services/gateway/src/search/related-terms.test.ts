import { describe, expect, it } from "@jest/globals";
import { clinicalGroups } from "./clinical-terms.js";
import { relatedTerms } from "./related-terms.js";

describe("related terms", () => {
  it("are what a query's words are called otherwise, a group for each, the longest term first", () => {
    expect(relatedTerms("HTN in T2DM")).toEqual([["high blood pressure", "hypertension"], ["type 2 diabetes"]]);
    expect(relatedTerms("high blood pressure")).toEqual([["hypertension", "htn"]]);
    expect(relatedTerms("b.i.d. dosing")).toEqual([["bd", "bid", "twice daily"]]);
  });

  it("are none for words that are in no group, nor what the query says itself", () => {
    expect(relatedTerms("purple monkey dishwasher")).toEqual([]);
    expect(relatedTerms("heart attack, myocardial infarction").flat()).not.toContain("myocardial infarction");
  });

  it("are forty at most, whatever is asked", () => {
    const everything = clinicalGroups.flat().join(" ");
    expect(relatedTerms(everything).flat().length).toBeLessThanOrEqual(40);
  });

  it("have groups of two terms at least, none of them empty", () => {
    for (const group of clinicalGroups) {
      expect(group.length).toBeGreaterThan(1);
      for (const term of group) expect(term).toMatch(/[a-z0-9]/);
    }
  });
});
