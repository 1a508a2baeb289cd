/**
 * Which regular expressions may judge labels. JavaScript's engine backtracks: `(a+)+` takes longer than the server lives for a
 * value of 40 letters, and a value may come from any sender. So what makes backtracking explode is left out: repeated
 * groups, back-references, look-arounds; and few repetitions multiply to a bounded time on a label of 1 KiB.
 */
const LENGTH_MAX = 256;
const REPETITIONS_MAX = 3;

export const PATTERN_ALLOWED = `a regular expression of at most ${LENGTH_MAX} characters that has at most ${REPETITIONS_MAX} repetitions (*, +, ?, {}), none of them behind a group, and no (?, \\1 or \\k`;

export function isSafePattern(pattern: string): boolean {
  if (pattern.length > LENGTH_MAX || !compiles(pattern)) return false;
  let repetitions = 0;
  let isInClass = false;
  let isBehindGroup = false;
  for (let i = 0; i < pattern.length; i++) {
    const character = pattern[i] as string;
    const wasGroup = isBehindGroup;
    isBehindGroup = character === ')' && !isInClass;
    if (character === '\\') {
      i++;
      if (!isInClass && /[1-9k]/.test(pattern[i] ?? '')) return false;
    } else if (isInClass) {
      isInClass = character !== ']';
    } else if (character === '[') {
      isInClass = true;
    } else if (character === '(' && pattern[i + 1] === '?') {
      return false;
    } else if ('*+?{'.includes(character)) {
      if (wasGroup) return false;
      // The one behind a repetition only makes it lazy.
      const isLazy = character === '?' && i > 0 && '*+?}'.includes(pattern[i - 1] as string);
      if (!isLazy) repetitions++;
    }
  }
  return repetitions <= REPETITIONS_MAX;
}

/** As it is used: the whole value has to match. */
function compiles(pattern: string): boolean {
  try {
    return new RegExp(`^(?:${pattern})$`, 'u') instanceof RegExp;
  } catch {
    return false;
  }
}
