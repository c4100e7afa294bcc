// The one way to make elements: htm bound to Preact. Text is text; nothing here ever parses markup.
import { h } from '../vendor/preact.js';
import htm from '../vendor/htm.js';

export const html = htm.bind(h);
export { h, render, Component, Fragment, createContext } from '../vendor/preact.js';
export { useState, useEffect, useMemo, useRef, useContext, useCallback, useLayoutEffect, useId } from '../vendor/preact-hooks.js';
