"""Writes the shop's own files; the same on every run."""

import random
from pathlib import Path

HERE = Path(__file__).parent
WORDS = "oak ash elm pine birch cedar maple walnut linen wool cotton clay brass copper slate stone".split()
THINGS = "table chair shelf lamp bowl vase rug mirror bench stool basket tray clock frame hook jug".split()


def main() -> None:
    """Write the pages, the pictures, the catalog and the log of an import."""
    rng = random.Random(1405)
    catalog = [(n, rng.choice(WORDS), rng.choice(THINGS), rng.randint(400, 39900)) for n in range(1001, 1901)]
    rows = [f"{n},{wood} {thing},{price / 100:.2f},{rng.randint(0, 60)}" for n, wood, thing, price in catalog]
    write("catalog.csv", "\n".join(["sku,name,price,stock", *rows]))
    lines = [
        f"2024-05-01 06:{n // 60 % 60:02}:{n % 60:02} import: sku {row[0]} {row[1]} {row[2]}: ok"
        for n, row in enumerate(catalog)
    ]
    write("import.log", "\n".join(lines))
    cards = [
        f'  <li><a href="/item/{n}"><img src="assets/{thing}.svg" alt=""> {wood} {thing}</a>'
        f" <b>{price / 100:.2f} €</b></li>"
        for n, wood, thing, price in catalog[:120]
    ]
    page = ["<!doctype html>", '<html lang="en">', "<title>Shop</title>", "<ul>", *cards, "</ul>", "</html>"]
    write("site/index.html", "\n".join(page))
    write("site/assets/shop.css", style(rng, "#444"))
    write("brand/shop.css", style(rng, "#c60"))
    for thing in THINGS:
        write(f"site/assets/{thing}.svg", picture(rng, 60))
    for thing in THINGS[:6]:
        write(f"brand/{thing}.svg", picture(rng, 75))


def style(rng: random.Random, color: str) -> str:
    """A stylesheet with a rule for each thing."""
    rules = [
        f".{wood}-{thing} {{ color: {color}; order: {rng.randint(1, 99)} }}"
        for wood in WORDS
        for thing in THINGS
    ]
    return "\n".join(rules)


def picture(rng: random.Random, strokes: int) -> str:
    """An SVG of some strokes."""
    spots = [(rng.randint(0, 99), rng.randint(0, 99), rng.randint(-9, 9)) for _ in range(strokes)]
    lines = "".join(f'<path d="M{x} {y}h{length}"/>' for x, y, length in spots)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 99 99" stroke="#444">{lines}</svg>'


def write(name: str, text: str) -> None:
    """Write one file of the build context."""
    path = HERE / name
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
