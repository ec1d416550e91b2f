"""`python -m app`."""

try:
    from app.cli import main

    main()
except KeyboardInterrupt:
    raise SystemExit(130) from None
