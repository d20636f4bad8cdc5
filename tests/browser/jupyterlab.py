"""JupyterLab as a person uses it: cells, menus, terminals.  Waits for conditions, never for time."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from .terminal import Terminal

LIMIT = 60_000
"""Milliseconds that the slowest thing (a kernel's start) may take."""


def open_notebook(page: Page, address: str) -> None:
    """Open a notebook and wait until its kernel listens."""
    page.goto(address)
    wait_idle(page)


def open_from_home(page: Page, address: str, lesson: str) -> None:
    """Open a lesson as a newcomer does: by its name, on the page that the printed address shows."""
    page.goto(address)
    home = page.locator(f".docker-lab-home li[data-lesson='{lesson}']")
    home.get_by_role("button").click(timeout=LIMIT)
    wait_idle(page)


def wait_idle(page: Page) -> None:
    """Wait until the kernel does nothing; before that, keys may be lost."""
    expect(page.locator("#jp-main-statusbar")).to_contain_text("| Idle", timeout=LIMIT)


def run_all(page: Page, limit: int = LIMIT) -> None:
    """Choose Run > Run All Cells, and wait until all have run, up to `limit` milliseconds."""
    menu(page, "Run", "Run All Cells")
    last = code_cells(page).last.locator(".jp-InputPrompt").first
    expect(last).to_contain_text("[", timeout=limit)
    page.wait_for_function(
        """() => [...document.querySelectorAll('.jp-CodeCell .jp-InputArea-prompt')]
                 .every((prompt) => /\\[\\d+\\]/.test(prompt.textContent))""",
        timeout=limit,
    )
    wait_idle(page)


def run_cell(page: Page, source: str) -> Locator:
    """Run the code cell that contains `source`; return it when it has run."""
    cell = code_cells(page).filter(has_text=source).first
    cell.scroll_into_view_if_needed()
    prompt = cell.locator(".jp-InputArea-prompt").first
    before = prompt.text_content()
    prompt.click()
    page.keyboard.press("Control+Enter")
    # each run has a number of its own
    page.wait_for_function(
        "([prompt, before]) => prompt.textContent !== before && /\\d/.test(prompt.textContent)",
        arg=[prompt.element_handle(), before],
        timeout=LIMIT,
    )
    wait_idle(page)
    return cell


def code_cells(page: Page) -> Locator:
    return page.locator(".jp-Notebook .jp-CodeCell")


def errors(page: Page) -> Locator:
    """Return the outputs that are errors of cells; what commands write to stderr is none.

    JupyterLab gives both the same type, so they are told apart by what IPython writes in each error.
    """
    stderr = page.locator("[data-mime-type='application/vnd.jupyter.stderr']")
    return stderr.filter(has_text="Cell In[")


def menu(page: Page, *names: str) -> None:
    """Choose an entry of the menus, by the names on the way to it."""
    bar, *entries = names
    page.locator("#jp-MainMenu .lm-MenuBar-itemLabel").get_by_text(bar, exact=True).click()
    for name in entries:
        page.locator(".lm-Menu-itemLabel").get_by_text(name, exact=True).click()


def open_terminal(page: Page) -> Terminal:
    """Choose File > New > Terminal; return the terminal when its shell has shown its prompt."""
    terminal = Terminal(page)
    menu(page, "File", "New", "Terminal")
    terminal.await_prompt()
    return terminal


def show_tab(page: Page, name: str) -> None:
    page.locator(".lm-DockPanel-tabBar .lm-TabBar-tabLabel").get_by_text(name, exact=True).click()


def show_terminal(page: Page) -> None:
    """Show the page's only terminal; its number depends on those that other pages opened."""
    page.locator(".lm-DockPanel-tabBar .lm-TabBar-tabLabel", has_text="Terminal").click()
