import { Button, Menu } from '@mantine/core';
import { IconChevronDown } from '@tabler/icons-react';
import { type ReactNode, useRef, useState } from 'react';
import { type Opened, useDialog } from './opener.tsx';
import { useRefusal } from './permission.tsx';

interface Action {
  label: string;
  dialog: (given: Opened) => ReactNode;
}

/** A menu of what is done more rarely. Each action opens a dialog. */
export function ActionMenu({ actions }: { actions: readonly Action[] }) {
  const refusal = useRefusal();
  const [label, setLabel] = useState('');
  const target = useRef<HTMLButtonElement>(null);
  const { open, shown } = useDialog((given) => actions.find((each) => each.label === label)?.dialog(given));
  return (
    <>
      <Menu position="bottom-end" returnFocus>
        <Menu.Target>
          <Button
            ref={target}
            variant="default"
            disabled={refusal !== null}
            title={refusal ?? undefined}
            rightSection={<IconChevronDown size={14} aria-hidden />}
          >
            More
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {actions.map((action) => (
            <Menu.Item
              key={action.label}
              onClick={() => {
                setLabel(action.label);
                open(target.current);
              }}
            >
              {action.label}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
      {shown}
    </>
  );
}
