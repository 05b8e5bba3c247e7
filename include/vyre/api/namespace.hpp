// The namespace of the C++ API. It is inline, so `vyre::Session` is `vyre::v0::Session`, and a
// later API can live beside it. The rooms of this library have types of the same names in `vyre`; a
// translation unit that needs both defines VYRE_API_NOT_INLINE and spells `vyre::v0::Session`.
#pragma once

#ifdef VYRE_API_NOT_INLINE
#define VYRE_V0 v0
#else
#define VYRE_V0 inline v0
#endif
