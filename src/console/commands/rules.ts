/** Something that the command menu offers. */
export interface Command {
  /** Unique in the menu. */
  key: string;
  label: string;
  /** What it leads to, such as a page or a user. */
  group: 'Users' | 'Features' | 'Packages' | 'Members' | 'Actions' | 'Pages';
  /** More words that find it, such as an id. */
  words?: string;
  /** The server found it by what was typed, perhaps by a field that is not shown. */
  isFound?: boolean;
  run: () => void;
}

const wordsOf = (text: string): string[] => text.toLowerCase().split(/[^\p{L}\p{N}]+/u);

/**
 * How well a text matches what was typed: each typed word must begin a word of it, or be a part of an id. 2: the text
 * begins with it. 1: it matches. 0: it does not.
 */
export function matchOf(text: string, typed: string): 0 | 1 | 2 {
  const wanted = typed.trim().toLowerCase();
  if (wanted === '' || text.toLowerCase().startsWith(wanted)) return 2;
  const words = wordsOf(text);
  const isFound = wanted
    .split(/\s+/)
    .every(
      (part) =>
        text.toLowerCase().includes(part) && words.some((word) => word.startsWith(wordsOf(part)[0] ?? '')),
    );
  return isFound ? 1 : 0;
}

/** How many commands of a group are offered at once. */
const mostOfGroup = 6;

/**
 * The commands that match, group by group in the order in which they come; within a group, those that begin with what
 * was typed first.
 */
export function matching(commands: readonly Command[], typed: string): Command[] {
  const groups = new Map<string, { command: Command; match: number }[]>();
  for (const command of commands) {
    const match = matchOf(`${command.label} ${command.words ?? ''}`, typed) || (command.isFound ? 1 : 0);
    if (match === 0) continue;
    groups.set(command.group, [...(groups.get(command.group) ?? []), { command, match }]);
  }
  return [...groups.values()].flatMap((found) =>
    found
      .sort((a, b) => b.match - a.match)
      .slice(0, typed.trim() === '' ? found.length : mostOfGroup)
      .map(({ command }) => command),
  );
}

/** The place of the command that an arrow key leads to: after the last comes the first. */
export function placeAfter(place: number, key: string, count: number): number {
  const step = key === 'ArrowDown' ? 1 : key === 'ArrowUp' ? count - 1 : 0;
  return count === 0 ? 0 : (place + step) % count;
}
