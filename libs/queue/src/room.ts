/** Leaves the room; calling it again does nothing. */
export type Leave = () => void;

/** Where work goes on side by side, except for what must be alone. Who wants to be alone is not overtaken by newcomers. */
export interface Room {
  enter(): Promise<Leave>;
  /** Undefined when the others did not leave within `patienceMs`. */
  enterAlone(patienceMs: number): Promise<Leave | undefined>;
}

export function createRoom(): Room {
  let [inside, isTaken] = [0, false];
  const waiting: { alone: boolean; admit: (leave: Leave) => void }[] = [];

  function admit(): void {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      if (isTaken || (next.alone && inside > 0)) return;
      waiting.shift();
      inside += 1;
      isTaken = next.alone;
      let here = true;
      next.admit(() => {
        if (!here) return;
        here = false;
        inside -= 1;
        isTaken = false;
        admit();
      });
    }
  }

  const ask = (alone: boolean) => {
    let place: (typeof waiting)[number] | undefined;
    const leave = new Promise<Leave>((resolve) => {
      place = { alone, admit: resolve };
      waiting.push(place);
    });
    admit();
    return { leave, giveUp: () => waiting.splice(0, waiting.length, ...waiting.filter((each) => each !== place)) };
  };
  return {
    enter: () => ask(false).leave,
    async enterAlone(patienceMs) {
      const { leave, giveUp } = ask(true);
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<undefined>((resolve) => {
        timer = setTimeout(() => {
          giveUp();
          resolve(undefined);
          admit();
        }, patienceMs);
      });
      return Promise.race([leave, late]).finally(() => clearTimeout(timer));
    },
  };
}
