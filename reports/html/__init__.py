"""The report as one page of HTML that needs no network: `page.py` makes it, `templates/` holds its text."""
