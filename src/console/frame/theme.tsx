import {
  type CSSVariablesResolver,
  createTheme,
  type MantineColorsTuple,
  MantineProvider,
} from '@mantine/core';
import { type ReactNode, useMemo } from 'react';

const purple: MantineColorsTuple = [
  '#f5f3ff',
  '#ede9fe',
  '#ddd6fe',
  '#c4b5fd',
  '#a78bfa',
  '#8b5cf6',
  '#7c3aed',
  '#6d28d9',
  '#5b21b6',
  '#4c1d95',
];
const green: MantineColorsTuple = [
  '#f0fdf4',
  '#dcfce7',
  '#bbf7d0',
  '#86efac',
  '#4ade80',
  '#22c55e',
  '#16a34a',
  '#15803d',
  '#166534',
  '#14532d',
];

/** The library's greys and reds lack contrast for small text. */
const legible: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-dimmed': '#555d66',
    '--mantine-color-placeholder': '#6b7280',
    '--mantine-color-error': '#b42318',
  },
  dark: {
    '--mantine-color-dimmed': '#b0b3b8',
    '--mantine-color-placeholder': '#9aa0a6',
    '--mantine-color-error': '#ff9c94',
  },
});

/** The brand colour: purple in test, green in live. */
export function Theme({ environment = 'test', children }: { environment?: string; children: ReactNode }) {
  const theme = useMemo(
    () =>
      createTheme({
        colors: { test: purple, live: green },
        primaryColor: environment === 'live' ? 'live' : 'test',
        primaryShade: { light: 7, dark: 7 },
        defaultRadius: 'md',
        cursorType: 'pointer',
        autoContrast: true,
        fontSizes: { xs: '0.75rem', sm: '0.8125rem', md: '0.875rem', lg: '1rem', xl: '1.375rem' },
        headings: {
          fontWeight: '600',
          sizes: {
            h2: { fontSize: '1.375rem', lineHeight: '1.3' },
            h4: { fontSize: '0.9375rem', lineHeight: '1.4' },
            h5: { fontSize: '0.875rem', lineHeight: '1.4' },
          },
        },
        respectReducedMotion: true,
        components: {
          Anchor: { defaultProps: { inherit: true } },
          // Wide content, such as code, scrolls inside.
          Alert: { styles: { body: { minWidth: 0 } } },
          Badge: {
            defaultProps: { radius: 'sm', tt: 'none' },
            styles: { root: { minWidth: 'max-content' }, label: { fontWeight: 500 } },
          },
          Button: { defaultProps: { size: 'xs' } },
          // The list of what can be chosen is made when it opens: a page has several, and opens few.
          Select: { defaultProps: { comboboxProps: { keepMounted: false } } },
          MultiSelect: { defaultProps: { comboboxProps: { keepMounted: false } } },
          Table: { defaultProps: { verticalSpacing: 8, horizontalSpacing: 12, fz: 'sm' } },
        },
      }),
    [environment],
  );
  return (
    <MantineProvider theme={theme} cssVariablesResolver={legible} defaultColorScheme="auto">
      {children}
    </MantineProvider>
  );
}
