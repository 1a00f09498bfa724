import { ActionIcon, Button, Kbd, Tooltip } from '@mantine/core';
import { useHotkeys } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { lazy } from 'react';
import { useDialog } from '../parts/opener.tsx';

const CommandMenu = lazy(() =>
  import('../commands/menu.tsx').then((parts) => ({ default: parts.CommandMenu })),
);

const isMac = /mac|iphone|ipad/i.test(navigator.userAgent);
const keys = isMac ? '⌘ K' : 'Ctrl K';

/** Opens the command menu, as Ctrl-K does everywhere. It is loaded when it opens for the first time. */
export function CommandButton() {
  const { open, shown } = useDialog((given) => <CommandMenu {...given} />);
  // Also while somebody types in a field.
  useHotkeys([['mod+K', () => open()]], []);
  return (
    <>
      <Button
        variant="default"
        size="sm"
        visibleFrom="md"
        leftSection={<IconSearch size={16} aria-hidden />}
        rightSection={
          <Kbd size="xs" aria-hidden>
            {keys}
          </Kbd>
        }
        aria-keyshortcuts="Control+K Meta+K"
        onClick={() => open()}
      >
        Find
      </Button>
      <Tooltip label="Find or do something">
        <ActionIcon
          variant="default"
          size="lg"
          hiddenFrom="md"
          aria-label="Find or do something"
          onClick={() => open()}
        >
          <IconSearch size={18} aria-hidden />
        </ActionIcon>
      </Tooltip>
      {shown}
    </>
  );
}
