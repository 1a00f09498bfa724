import { Modal, Text, TextInput, VisuallyHidden } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { type KeyboardEvent, lazy, useEffect, useId, useRef, useState } from 'react';
import { formatCount } from '../parts/numbers.ts';
import { type Opened, useDialog } from '../parts/opener.tsx';
import { type Command, matching, placeAfter } from './rules.ts';
import { useCommands } from './use-commands.ts';

const SubscribeMany = lazy(() =>
  import('../users/many.tsx').then((parts) => ({ default: parts.SubscribeMany })),
);

/** Finds pages, users, features and packages, and does the common things: a field with a list below it. */
export function CommandMenu({ opened, onClose }: Opened) {
  const [typed, setTyped] = useState('');
  const [search] = useDebouncedValue(typed.trim(), 150);
  const [place, setPlace] = useState(0);
  const [subscribed, setSubscribed] = useState('');
  const subscribing = useDialog((given) => <SubscribeMany {...given} userIds={[subscribed]} />);
  const listId = useId();
  const list = useRef<HTMLDivElement>(null);
  const { commands, isLooking } = useCommands(search, (userId) => {
    setSubscribed(userId);
    subscribing.open();
  });
  const found = matching(commands, typed);
  const chosen = found[Math.min(place, found.length - 1)];
  const run = (command: Command) => {
    onClose();
    command.run();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    const next = placeAfter(place, event.key, found.length);
    if (event.key === 'Enter' && chosen !== undefined) run(chosen);
    else if (!event.key.startsWith('Arrow')) return;
    else setPlace(next);
    event.preventDefault();
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is chosen stays in view
  useEffect(() => {
    list.current?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' });
  }, [chosen?.key]);
  return (
    <>
      <Modal.Root opened={opened} onClose={onClose} yOffset="10vh" size="lg" returnFocus={false}>
        <Modal.Overlay />
        <Modal.Content aria-label="Find or do something">
          <Modal.Body p={0}>
            <TextInput
              role="combobox"
              aria-label="Find or do something"
              aria-expanded="true"
              aria-controls={listId}
              aria-autocomplete="list"
              aria-activedescendant={chosen && `${listId} ${chosen.key}`.replaceAll(' ', '-')}
              placeholder="Find a page, user, feature or package, or do something"
              leftSection={<IconSearch size={18} aria-hidden />}
              size="md"
              variant="unstyled"
              data-autofocus
              autoComplete="off"
              value={typed}
              onChange={(event) => {
                setTyped(event.currentTarget.value);
                setPlace(0);
              }}
              onKeyDown={onKeyDown}
            />
            <div id={listId} ref={list} role="listbox" aria-label="Found" className="commands">
              {found.map((command, index) => (
                <Choice
                  key={command.key}
                  id={`${listId} ${command.key}`.replaceAll(' ', '-')}
                  command={command}
                  isFirst={found[index - 1]?.group !== command.group}
                  isChosen={command === chosen}
                  onPoint={() => setPlace(index)}
                  onRun={() => run(command)}
                />
              ))}
            </div>
            {found.length === 0 && (
              <Text p="md" c="dimmed" size="sm">
                {isLooking ? 'Searching …' : 'Nothing matches.'}
              </Text>
            )}
            <VisuallyHidden role="status">{formatCount(found.length, 'match', 'matches')}</VisuallyHidden>
          </Modal.Body>
        </Modal.Content>
      </Modal.Root>
      {subscribing.shown}
    </>
  );
}

function Choice(props: {
  id: string;
  command: Command;
  isFirst: boolean;
  isChosen: boolean;
  onPoint: () => void;
  onRun: () => void;
}) {
  const { id, command, isFirst, isChosen, onPoint, onRun } = props;
  return (
    <>
      {isFirst && (
        <Text size="xs" c="dimmed" px="sm" pt="xs" role="presentation">
          {command.group}
        </Text>
      )}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the keys go to the field, which names the chosen one */}
      {/* biome-ignore lint/a11y/useFocusableInteractive: the field keeps the focus, as in every combobox */}
      <div
        id={id}
        role="option"
        aria-selected={isChosen}
        className="command"
        onMouseMove={onPoint}
        onClick={onRun}
      >
        <span>{command.label}</span>
        {command.words && <span className="command-words">{command.words}</span>}
      </div>
    </>
  );
}
