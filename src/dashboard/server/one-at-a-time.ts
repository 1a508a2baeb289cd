/** A question that is asked anew now and then, and never twice at a time. */

export interface Asking {
  /** While it is under way it is asked once more after that: asking often puts no answer off. */
  readonly again: () => void;
  /** The connection was lost and is there again: what is under way may never be answered, and what failed may be answered now. */
  readonly recover: () => void;
  /** Whatever is under way is told to nobody. */
  readonly end: () => void;
}

/** Asks at once. */
export function askOneAtATime<Data>(
  question: () => Promise<Data>,
  answered: (data: Data) => void,
  failed: (reason: unknown) => void,
): Asking {
  let underWay: object | undefined;
  let isDue = false;
  let hasFailed = false;
  const ask = (): void => {
    const own = {};
    underWay = own;
    isDue = false;
    const done = (tell: () => void, isFailure: boolean) => {
      if (underWay !== own) return;
      underWay = undefined;
      hasFailed = isFailure;
      tell();
      if (isDue) ask();
    };
    question().then(
      (data) => done(() => answered(data), false),
      (reason: unknown) => done(() => failed(reason), true),
    );
  };
  ask();
  return {
    again: () => {
      if (underWay === undefined) ask();
      else isDue = true;
    },
    recover: () => {
      if (underWay !== undefined || hasFailed) ask();
    },
    end: () => {
      // Nobody has this one, so what is under way is not the one that is waited for.
      underWay = {};
    },
  };
}
